"""Plans of treatments as TOML files: read, checked and made into models before anything moves."""

from pen_host.plans.loader import PlanError, load_plan, parse_plan, shipped_plans

__all__ = ["PlanError", "load_plan", "parse_plan", "shipped_plans"]
