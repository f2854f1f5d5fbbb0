"""The notebooks of the course, as MyST Markdown; `socialpref.course` writes them for Jupyter."""
