"""Owns the embedded stack: a real NATS server and a real Kafka broker as child processes of this one."""
