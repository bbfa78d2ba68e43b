"""Every option in one table: flag, ini key, environment variable, parser, default, help.

The table resolves to a frozen `Settings` that knows where each value came from. A value comes from
the command line, else the environment, else the ini file, else the default. Only variables named
``PYTEST_LAMBDA_ML_…`` are read: ``AWS_REGION`` in a shell must not make a test run cost money.
What is legal as a value is in `settings.legal`.
"""

from __future__ import annotations

from pytest_lambda_ml.settings.options import OPTIONS, Option, Source
from pytest_lambda_ml.settings.resolution import Settings, resolve

__all__ = ["OPTIONS", "Option", "Settings", "Source", "resolve"]
