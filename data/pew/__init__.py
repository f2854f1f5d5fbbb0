"""Survey data that travels with the package: the starter set and the file registry."""
