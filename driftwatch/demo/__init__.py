"""The whole product at work on one machine: a real model, real data, real messages, the live dashboard."""
