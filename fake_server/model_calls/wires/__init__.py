"""The provider wires that the fake server's turns speak."""
