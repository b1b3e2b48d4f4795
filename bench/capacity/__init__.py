"""`flashsale capacity`: what a sale needs, from what each request of it costs on a machine."""
