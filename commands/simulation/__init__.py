"""Write the files and streams of `doorstep simulate`."""
