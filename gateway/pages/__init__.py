"""The web client: pages for people, over the same operations as the API. Every form works without JavaScript."""
