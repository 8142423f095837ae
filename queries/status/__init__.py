"""What a worker tells of itself: its health, its status document, and the page that shows it live."""
