"""The small captioner: its pictures and sentences, training, export and questions."""
