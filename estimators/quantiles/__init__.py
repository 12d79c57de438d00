"""Estimate quantiles: boosted anchors, compiled trees and conformal calibration."""
