"""What data promise: contracts of rows, settings and values, and how the promises are kept."""
