"""What is for sale, and how many units of it are left."""
