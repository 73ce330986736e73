"""The tests. A package, because a dependency installs a package of the same name that would be found first."""
