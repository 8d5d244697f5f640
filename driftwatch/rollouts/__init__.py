"""Whether a new version takes over: from comparisons to promote, hold or roll back."""
