"""Deep models: training of the two towers and of LightGCN with PyTorch, an extra that serving never imports."""
