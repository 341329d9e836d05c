"""Small sequential black boxes: their states mined from behaviour, encoded, learned, proved."""
