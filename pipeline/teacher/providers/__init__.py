"""Clients of model servers, each in a module of its own that imports its SDK only when it is used."""
