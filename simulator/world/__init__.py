"""Describe the city: streets, stores, couriers, weather, local events and the scenario."""
