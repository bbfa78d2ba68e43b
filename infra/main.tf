# The durable base: what runs share and what costs next to nothing while none is on.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # Roles are the account's, bases a region's.
  role_prefix   = "${var.name}-${local.region}"
  function_role = "${local.role_prefix}-function"
  bucket        = "${var.name}-${local.account}-${local.region}"

  # What the placeholders of policies/*.json stand for; the plugin fills in the same names.
  names = {
    partition     = local.partition
    region        = local.region
    account       = local.account
    run           = "*"
    bucket        = local.bucket
    repository    = var.name
    function_role = local.function_role
    cluster       = var.name

    publisher_role       = "${local.role_prefix}-publisher"
    publisher_start_role = "${local.role_prefix}-publisher-start"
  }
}
