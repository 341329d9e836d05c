"""The web page of ``qimeng serve``: runs, their traces, and starting and stopping them."""
