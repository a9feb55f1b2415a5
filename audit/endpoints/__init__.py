"""Clients for OpenAI-compatible servers; raw responses kept. Knows nothing about models or tests."""
