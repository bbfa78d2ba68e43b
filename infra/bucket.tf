# Packages, models, data sets and large messages. All of it can be made again.
resource "aws_s3_bucket" "this" {
  bucket        = local.bucket
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = templatefile("${path.module}/policies/bucket.json", local.names)

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  # The next run uploads again what it needs.
  dynamic "rule" {
    for_each = toset(["packages", "artifacts"])

    content {
      id     = rule.value
      status = "Enabled"

      filter {
        prefix = "${rule.value}/"
      }

      expiration {
        days = var.package_days
      }
    }
  }

  # What belongs to one run: large messages, what the publisher was told and has done, and what
  # functions that train share.
  dynamic "rule" {
    for_each = toset(["messages", "publisher", "training"])

    content {
      id     = rule.value
      status = "Enabled"

      filter {
        prefix = "${rule.value}/"
      }

      expiration {
        days = 1
      }
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

# Under its checksum, where --lambda-publisher fargate looks before it uploads.
resource "aws_s3_object" "dataset" {
  for_each = var.datasets

  bucket       = aws_s3_bucket.this.id
  key          = "datasets/${filesha256(each.value)}.csv"
  source       = each.value
  content_type = "text/csv"
}
