"""A refiner that learns from the project's own labels: a small network that turns gestures into masks.

It sees the frame, or a close-up of it, the present mask and the gestures, and is trained by simulated gestures on the
masks that people drew, its own errors among what it has to mend: after Sofiiuk, Petrov, Konushin, "Reviving Iterative
Training with Mask Guidance for Interactive Segmentation" (ICIP 2022), for training and channels, and Sofiiuk et al.,
"f-BRS" (CVPR 2020), for the close-ups. Modules here load torch.
"""
