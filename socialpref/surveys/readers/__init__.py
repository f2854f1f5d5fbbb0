"""Readers of survey files, a file for each source."""
