"""What it takes to run the services elsewhere: bentos, images, manifests."""
