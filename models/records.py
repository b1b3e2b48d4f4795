"""Records in Postgres that are read and written one at a time; hot paths use SQL of their own."""

from tortoise import fields
from tortoise.models import Model


class User(Model):
    """Somebody who can sign in."""

    id = fields.CharField(max_length=64, primary_key=True)
    email = fields.TextField()
    name = fields.TextField()
    password_hash = fields.TextField(null=True)
    role = fields.TextField(default="BUYER")
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "users"


class SocialAccount(Model):
    """A provider's account that signs a user in. (issuer, subject) is its key in the table."""

    subject = fields.CharField(max_length=255, primary_key=True)
    issuer = fields.TextField()
    user_id = fields.TextField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "social_accounts"


class Session(Model):
    """A signed-in session; only the token's hash is kept."""

    token_hash = fields.BinaryField(primary_key=True)
    user_id = fields.TextField()
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sessions"


class Deal(Model):
    """One product at a special price, with an allotment, open from-until."""

    id = fields.CharField(max_length=64, primary_key=True)
    product_id = fields.TextField()
    category = fields.TextField()
    title = fields.TextField()
    price_minor = fields.IntField()
    list_price_minor = fields.IntField()
    currency = fields.TextField()
    discount_percent = fields.IntField()
    starts_at = fields.DatetimeField()
    ends_at = fields.DatetimeField()
    paused_at = fields.DatetimeField(null=True)
    purchase_limit = fields.IntField()
    epoch = fields.BigIntField(default=0)
    revision = fields.BigIntField(default=1)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "deals"


class Order(Model):
    """What a buyer has agreed to. (user_id, id) is its key in the table."""

    id = fields.CharField(max_length=64, primary_key=True)
    user_id = fields.TextField()
    number = fields.TextField()
    checkout_id = fields.TextField()
    status = fields.TextField()
    rank = fields.SmallIntField()
    owns_units = fields.BooleanField()
    total_minor = fields.BigIntField()
    currency = fields.TextField()
    placed_at = fields.DatetimeField()
    payment_due_at = fields.DatetimeField()
    checked_at = fields.DatetimeField()
    paid_by = fields.TextField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "orders"


class OrderLine(Model):
    """One row of an order. (user_id, order_id, deal_id) is its key in the table."""

    order_id = fields.CharField(max_length=64, primary_key=True)
    user_id = fields.TextField()
    deal_id = fields.TextField()
    position = fields.SmallIntField()
    title = fields.TextField()
    quantity = fields.IntField()
    unit_price_minor = fields.IntField()

    class Meta:
        table = "order_lines"


class Payment(Model):
    """One payment intent of an order. (user_id, order_id, intent_id) is its key in the table."""

    intent_id = fields.CharField(max_length=64, primary_key=True)
    user_id = fields.TextField()
    order_id = fields.TextField()
    status = fields.TextField()
    amount_minor = fields.BigIntField()
    currency = fields.TextField()
    client_secret = fields.TextField(null=True)
    failure_message = fields.TextField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "payments"
