terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

# Without a region, the provider takes AWS_REGION or the profile's.
provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, { project = var.name })
  }
}
