"""The example domains: data only, one folder each."""
