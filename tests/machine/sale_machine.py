"""A machine that makes up any sale: buyers, operators, jobs and harm in any order."""

from tests.machine.buyer_rules import BuyerRules
from tests.machine.harm_rules import HarmRules
from tests.machine.shop_rules import ShopRules


class SaleMachine(BuyerRules, ShopRules, HarmRules):
    """All rules together."""
