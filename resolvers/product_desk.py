"""The operator's desk for products: they are made, changed and taken away."""

from typing import Annotated, TypeAlias

import strawberry

from graph.context import Info
from resolvers.described import mutation
from resolvers.products import Product
from resolvers.refusals import InvalidInput, NotFound, TryLater


@strawberry.type(description="The product as it is now.")
class ProductSaved:
    product: Product = strawberry.field(description="The product.")


@strawberry.type(description="It is gone.")
class Deleted:
    id: strawberry.ID = strawberry.field(description="What was deleted.")


ProductResult: TypeAlias = Annotated[
    ProductSaved | InvalidInput | NotFound | TryLater,
    strawberry.union("ProductResult", description="The product, or why not."),
]
DeleteResult: TypeAlias = Annotated[
    Deleted | InvalidInput | NotFound | TryLater,
    strawberry.union(
        "DeleteResult",
        description="What was deleted, or why not: what is in use stays.",
    ),
]


@strawberry.input(description="One named property of a product.")
class ProductAttributeInput:
    name: str = strawberry.field(description="What the property is, 1 to 64 characters.")
    value: str = strawberry.field(description="What it is here, 1 to 200 characters.")


@strawberry.input(description="A new product.")
class CreateProductInput:
    sku: str = strawberry.field(description="The merchant's own number, unique, 1 to 64.")
    name: str = strawberry.field(description="1 to 200 characters.")
    description: str = strawberry.field(description="Plain text, 1 to 5,000 characters.")
    category: str = strawberry.field(description="1 to 64 characters.")
    image_url: str | None = strawberry.field(
        default=None, description="Starts with https://, http:// or /."
    )
    attributes: list[ProductAttributeInput] = strawberry.field(
        default_factory=list, description="At most 50, in the order in which they are shown."
    )


@strawberry.input(description="Changes to a product; what is left out or null stays.")
class UpdateProductInput:
    product_id: strawberry.ID = strawberry.field(description="The product.")
    name: str | None = strawberry.field(default=None, description="1 to 200 characters.")
    description: str | None = strawberry.field(
        default=None, description="Plain text, 1 to 5,000 characters."
    )
    category: str | None = strawberry.field(
        default=None, description="1 to 64 characters; its deals move with it."
    )
    image_url: str | None = strawberry.field(
        default=None, description='Starts with https://, http:// or /; "" removes it.'
    )
    attributes: list[ProductAttributeInput] | None = strawberry.field(
        default=None, description="All of them, at most 50."
    )


@strawberry.type
class ProductDeskMutation:
    """The operators' mutations of products."""

    @mutation("Make a product. Operators only.")
    async def create_product(
        self,
        info: Info,
        given: Annotated[
            CreateProductInput, strawberry.argument(name="input", description="The product.")
        ],
    ) -> ProductResult:
        """Create a product."""
        await info.context.operator()
        product = await info.context.resources.catalogue.create(
            sku=given.sku,
            name=given.name,
            description=given.description,
            category=given.category,
            image_url=given.image_url,
            attributes=[(each.name, each.value) for each in given.attributes],
        )
        return ProductSaved(product=Product.of(product))

    @mutation("Change a product. Operators only.")
    async def update_product(
        self,
        info: Info,
        given: Annotated[
            UpdateProductInput, strawberry.argument(name="input", description="What changes.")
        ],
    ) -> ProductResult:
        """Change what is given of a product."""
        await info.context.operator()
        product = await info.context.resources.catalogue.update(
            given.product_id,
            name=given.name,
            description=given.description,
            category=given.category,
            image_url=given.image_url,
            attributes=None
            if given.attributes is None
            else [(each.name, each.value) for each in given.attributes],
        )
        info.context.loaders.forget()
        return ProductSaved(product=Product.of(product))

    @mutation("Delete a product that no deal sells. Operators only.")
    async def delete_product(
        self,
        info: Info,
        product_id: Annotated[strawberry.ID, strawberry.argument(description="The product's id.")],
    ) -> DeleteResult:
        """Delete a product."""
        await info.context.operator()
        deleted = await info.context.resources.catalogue.delete(product_id)
        info.context.loaders.forget()
        return Deleted(id=strawberry.ID(deleted))
