"""The experiment on HH-RLHF: types of annotators who like lengths."""
