"""Owns the least rights that each role needs at NATS and Kafka, made from the streams, topics, routes and commands of the code."""
