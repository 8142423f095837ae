"""Carries JetStream subjects to Kafka topics and back; knows streams, topics and bytes, but no person."""
