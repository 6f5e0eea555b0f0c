"""The commands, one file each; a module has its click command as `command`."""
