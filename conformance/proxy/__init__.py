"""`proxy`: whatever passes between clients and a server is judged, and passed on as it is.

`forward` passes bytes on and does nothing else; `reading` makes exchanges and sockets of copies of them, in a thread of its own;
`judging` judges these and writes the record.
"""
