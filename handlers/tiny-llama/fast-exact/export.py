"""Convert the reference's model to float32, and measure that nothing is lost."""

from to_ctranslate2 import export_generator

export_generator(__doc__, "float32")
