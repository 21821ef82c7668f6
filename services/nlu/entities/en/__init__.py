"""English: how its dates, times, amounts and names are said."""
