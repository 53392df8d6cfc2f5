"""What the container way needs beside docker-compose.yml and Dockerfile."""
