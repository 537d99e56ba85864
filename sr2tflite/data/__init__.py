"""Images: folders of them, low-resolution ones made by MATLAB-compatible bicubic, and training patches."""
