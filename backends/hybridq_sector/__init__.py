"""The sector engine: exact simulation at fixed electron numbers."""
