"""Fictitious deliveries of the ASP: fictitious bodies and people, true towns, and every trap met in real files."""

from services.sync.generator.delivery import Chapter, GeneratedDelivery, generate
from services.sync.generator.files import Envelope

__all__ = ["Chapter", "Envelope", "GeneratedDelivery", "generate"]
