"""Two versions side by side: shadow, canary and A/B comparisons that may be looked at as often as one likes."""
