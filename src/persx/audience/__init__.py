"""Rules, audiences and personas: who somebody is, told from the attributes known of them."""
