//! The one thing that the tools read from S3: a payload.

use std::fmt;
use std::str::FromStr;

use aws_config::{Region, SdkConfig};
use aws_sdk_lambda::error::SdkError;

use super::calls::Calls;
use super::error::AwsError;

/// `s3://BUCKET/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    bucket: String,
    key: String,
}

impl S3Url {
    /// The object's ARN, as a policy names it: what has a meaning in patterns is written as a variable.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars>
    pub fn arn_pattern(&self, partition: &str) -> String {
        let special = |c: char| matches!(c, '*' | '?' | '$');
        let escaped = |c: char| if special(c) { format!("${{{c}}}") } else { c.to_string() };
        let key: String = self.key.chars().map(escaped).collect();
        format!("arn:{partition}:s3:::{}/{key}", self.bucket)
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Why a text is no URL of an S3 object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the URL of an S3 object; write s3://BUCKET/KEY")]
pub struct NotAnS3Url(String);

impl FromStr for S3Url {
    type Err = NotAnS3Url;

    fn from_str(text: &str) -> Result<S3Url, NotAnS3Url> {
        text.strip_prefix("s3://")
            .and_then(|rest| rest.split_once('/'))
            .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
            .map(|(bucket, key)| S3Url { bucket: bucket.to_owned(), key: key.to_owned() })
            .ok_or_else(|| NotAnS3Url(text.to_owned()))
    }
}

/// Reads an object, whichever region its bucket is in.
pub(super) async fn object(config: &SdkConfig, calls: &Calls, url: &S3Url) -> Result<Vec<u8>, AwsError> {
    const ACTION: &str = "s3:GetObject";
    let get = async |region: Option<Region>| {
        let mut config = config.to_builder();
        config.set_region(region);
        let client = aws_sdk_s3::Client::new(&config.build());
        client.get_object().bucket(&url.bucket).key(&url.key).send().await
    };
    let region = config.region().cloned();
    let output = calls
        .make(None, ACTION, url, async || match get(region.clone()).await {
            Err(error) => match region_of_bucket(&error).filter(|there| Some(there) != region.as_ref()) {
                Some(there) => get(Some(there)).await,
                None => Err(error),
            },
            got => got,
        })
        .await?;
    let bytes = output.body.collect().await;
    bytes
        .map(|bytes| bytes.to_vec())
        .map_err(|error| AwsError::broken_answer(ACTION, url.to_string(), &error))
}

/// The region that a bucket is in, which S3 names where it refuses to answer from another one.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>
fn region_of_bucket<E>(error: &SdkError<E>) -> Option<Region> {
    let region = error.raw_response()?.headers().get("x-amz-bucket-region")?;
    Some(Region::new(region.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_bucket_and_a_key() {
        let url: S3Url = "s3://bucket/a/b c.json".parse().expect("a URL");
        assert_eq!((&*url.bucket, &*url.key), ("bucket", "a/b c.json"));
        assert_eq!(url.to_string(), "s3://bucket/a/b c.json");
        assert_eq!(url.arn_pattern("aws-cn"), "arn:aws-cn:s3:::bucket/a/b c.json");
        let special: S3Url = "s3://bucket/${a}*?".parse().expect("a URL");
        assert_eq!(special.arn_pattern("aws"), "arn:aws:s3:::bucket/${$}{a}${*}${?}");
        for text in
            ["", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "https://bucket/key", "bucket/key"]
        {
            assert!(text.parse::<S3Url>().is_err(), "{text}");
        }
    }
}
