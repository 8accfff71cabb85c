"""Host side of derma-pen: talks to a pen, runs treatments, keeps the record."""
