"""Pseudo-random functions of watermark schemes, bit for bit as the generating programs compute them, without torch."""
