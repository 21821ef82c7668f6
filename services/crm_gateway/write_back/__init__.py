"""What those who run the mesh see and change of records on their way to business systems."""
