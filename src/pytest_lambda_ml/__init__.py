"""Benchmark machine-learning inference on AWS Lambda with pytest."""

__all__ = ["__version__"]

__version__ = "0.1.0"
