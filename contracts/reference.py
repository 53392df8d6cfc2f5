"""Reference data that services hold copies of: towns (INSEE) and names of trades (ROME), as they are loaded."""

from contracts import fields

Town = fields.record(
    "Town",
    insee_code=fields.Digits(),
    name=fields.Text(),
    post_codes=fields.List(fields.Digits()),
    department=fields.Digits(),
    region=fields.Digits(),
    latitude=fields.Number(),
    longitude=fields.Number(),
    population=fields.Integer(optional=True),
)
Appellation = fields.record(
    "Appellation",
    appellation_code=fields.Digits(),
    name=fields.Text(),
    rome_code=fields.Digits(),
    rome_name=fields.Text(),
)
