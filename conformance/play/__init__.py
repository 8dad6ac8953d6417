"""What a case sees: who acts, what is judged, what the wire showed."""
