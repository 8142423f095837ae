"""Owns how clients reach NATS and Kafka: addresses, encryption and who they are. Knows no person, and is read by lanes and bridge alike."""
