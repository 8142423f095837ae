"""Contracts: JSON Schema and AsyncAPI documents made from the models, and the gate that keeps them compatible."""
