"""Surveys: files of counts become questions, questions become populations, and a study."""
